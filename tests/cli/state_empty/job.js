export default [state => ({ ...state, data: { n: state.data.n * 2 } })];
