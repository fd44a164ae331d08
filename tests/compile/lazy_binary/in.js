get($.first + ' ' + $.last);
