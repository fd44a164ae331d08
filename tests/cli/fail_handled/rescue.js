export default [({ errors, ...state }) => ({ ...state, rescued: errors.risky.message })];
