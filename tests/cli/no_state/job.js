export default [state => ({ ...state, keys: Object.keys(state) })];
