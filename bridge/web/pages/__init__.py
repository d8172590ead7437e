"""What people see in a browser: pages in plain words, and the routes that lead to them."""
