export default [
  state => state.data.patient.id,
];
