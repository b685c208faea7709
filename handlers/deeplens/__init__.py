"""AWS DeepLens: the Lambda function that runs on the board, and the project that holds it."""
