"""Documents on paper: each kind is declared once; one template sets all of them, with the proof at their foot."""
