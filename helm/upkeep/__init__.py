"""What of the chart is made from elsewhere: schema, table of values, list of changes, copies of rules."""
