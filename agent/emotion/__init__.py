"""What a face shows: labels, preprocessing, and the decision over time."""
