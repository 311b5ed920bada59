"""What is kept of a training whose parts are killed, and whose links are cut."""
