if ($.ready) fn(x);
