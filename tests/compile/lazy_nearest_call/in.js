each($.items, post(`/x/${$.data.id}`, $.data));
post('/x', field('id', dataValue($.path)));
