"""What `make bench` runs: the product's speed, measured from outside, beside receivers and limits of the same run."""
