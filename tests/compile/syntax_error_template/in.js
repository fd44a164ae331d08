fn(`abc);
