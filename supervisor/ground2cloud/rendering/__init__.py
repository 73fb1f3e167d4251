"""Find a template in wheel or checkout, render it strictly, write the result atomically."""
