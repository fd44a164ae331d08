fn(new Date($.data.date));
