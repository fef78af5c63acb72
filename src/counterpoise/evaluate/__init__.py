"""What synthetic rows are worth: validity, utility, diversity, fidelity and privacy."""
