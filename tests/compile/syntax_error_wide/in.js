const ä😀 = 1;
