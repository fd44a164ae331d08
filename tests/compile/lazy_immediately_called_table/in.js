fn(table[$.key](1));
