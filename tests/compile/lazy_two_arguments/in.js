post($.url, $.data);
