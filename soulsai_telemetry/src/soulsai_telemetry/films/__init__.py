"""Films of the agent: made on this machine from the run's own checkpoints, kept in its folder, shown on the page.

No film comes from a client: what others send is never served to visitors.
"""
