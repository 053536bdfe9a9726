"""The commands of `clinic`, a module for each group; `clinic.cli` names them."""
