post('/x', { id: $.data.id, tags: [$.tag, 'new'] });
