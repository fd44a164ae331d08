// Map records of one shape to another. `$.data.…` reads the state when the operation runs.
const age = (born) => new Date("2026-01-01").getFullYear() - Number(born.slice(0, 4));

fn((state) => {
  const people = state.data.patients.map(({ id, name, born, district, visits }) => ({
    ...fields(field("id", id), field("name", name), field("district", district)),
    age: age(born),
    isNew: visits === 0,
  }));
  return { ...state, data: { people } };
});
