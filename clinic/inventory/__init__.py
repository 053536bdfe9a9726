"""What staff do with products: the product's page, the list, custody, genealogy."""
