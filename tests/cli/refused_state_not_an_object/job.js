export default [state => state];
