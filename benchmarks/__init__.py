"""What Jobyard costs, beside servers that do nothing but send the same bytes."""
