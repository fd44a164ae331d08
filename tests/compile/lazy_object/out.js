import { post } from "@openfn/language-common";
export * from "@openfn/language-common";
export default [
post('/x', state => ({ id: state.data.id, tags: [state.tag, 'new'] })),
];
