get($.data);
