"""What plugin authors and our own tests share: doubles of the seams."""
