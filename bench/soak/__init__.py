"""A real exporter for minutes among an upstream, clients and an operator that mean no good, held to its promises."""
