"""Tasks, the store that keeps their results, and the runner and executors that compute them."""
