"""The commands, one module each, of the command's name; `command` in it is what click runs."""
