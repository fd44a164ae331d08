import { cursor, fnIf, fn, combine, fields, field, dataValue, merge, sourceValue, each, dataPath, as, get } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
cursor(state => state.since, { defaultValue: 'today' }),
fnIf(state => state.ready, fn(state => state)),
combine(fields(field('a', dataValue('b'))), merge('x', sourceValue('y'))),
each(dataPath('items[*]'), as('item', get(state => state.data.url))),
];
