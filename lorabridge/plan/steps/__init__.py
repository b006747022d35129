"""What happens to the data and when: buckets, steps, saves, the learning rate; as text, facts and drawings."""
