"""What of the chart is made from elsewhere: the schema of its values, the table in its README, copies of rules."""
