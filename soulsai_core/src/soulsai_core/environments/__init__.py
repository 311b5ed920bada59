"""Built-in environment plugins, and environments in processes of their own."""
