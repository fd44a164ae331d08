fn('abc);
