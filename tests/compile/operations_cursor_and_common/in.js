cursor($.since, { defaultValue: 'today' });
fnIf($.ready, fn(state => state));
combine(fields(field('a', dataValue('b'))), merge('x', sourceValue('y')));
each(dataPath('items[*]'), as('item', get($.data.url)));
