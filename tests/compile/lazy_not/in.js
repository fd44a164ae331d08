fn(!$.data.done);
