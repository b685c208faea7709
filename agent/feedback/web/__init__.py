"""The page in the browser, the API and the metrics."""
