"""What the black-box tests share: packages, programs under test, clients others wrote."""
