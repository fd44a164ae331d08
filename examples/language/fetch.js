// Ask the registry, and keep of the answer what the next step needs.
get("/patients").then((state) => {
  console.log(`${state.data.patients.length} patients`);
  return { ...state, data: { patients: state.data.patients } };
});
