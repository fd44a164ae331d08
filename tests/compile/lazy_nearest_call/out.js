import { each, post, field, dataValue } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
each(state => state.items, post(state => `/x/${state.data.id}`, state => state.data)),
post('/x', field('id', dataValue(state => state.path))),
];
