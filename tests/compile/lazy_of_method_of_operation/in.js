http.post($.url, { body: $.data });
