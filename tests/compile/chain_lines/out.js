import { get } from "@openfn/language-common";
export * from "@openfn/language-common";
import { defer as _defer } from "@openfn/runtime";
export default [
_defer(get('/patients'), p => p
  // those that are new
  .then(state => {
    const { data } = state;
    return { ...state, data };
  })
  .catch(error => {
    console.log(error);
  })),
];
