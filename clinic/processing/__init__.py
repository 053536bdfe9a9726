"""Step: products become products in the laboratory; tests judge them; quality releases them."""
