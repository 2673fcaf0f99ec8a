"""What is shared with other workers and replicas, or kept to answer again."""
