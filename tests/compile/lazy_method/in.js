fn($.data.items.map(item => item.id));
