// An adaptor: an ES module that exports operation factories. This one talks to a registry of patients that it carries along;
// a real one would ask a server.

const PATIENTS = [
  { id: "p1", name: "Amara Okafor", born: "1988-03-14", district: "north", visits: 3 },
  { id: "p2", name: "Tomás Rivera", born: "2019-11-02", district: "south", visits: 0 },
  { id: "p3", name: "Lin Wei", born: "1954-07-30", district: "north", visits: 11 },
];

class RegistryError extends Error {
  constructor(status, message) {
    super(message);
    this.name = "RegistryError";
    this.status = status;
  }
}

// An argument may be a function of the state; `$.data.id` in a job becomes one.
const resolve = (value, state) => (typeof value === "function" ? value(state) : value);

/** Asks for `/patients` or `/patients/<id>`; the answer becomes `state.data`. */
export function get(path) {
  return async (state) => {
    const wanted = resolve(path, state);
    const [, collection, id] = String(wanted).split("/");
    if (collection !== "patients") throw new RegistryError(404, `the registry has no ${wanted}`);
    if (id === undefined) return { ...state, data: { patients: PATIENTS } };
    const patient = PATIENTS.find((patient) => patient.id === id);
    if (!patient) throw new RegistryError(404, `the registry has no patient ${id}`);
    return { ...state, data: patient };
  };
}

/** Puts an appointment into the calendar; the calendar is `state.booked`. */
export function book(patient, reason) {
  return async (state) => {
    const appointment = { patient: resolve(patient, state), reason: resolve(reason, state) };
    return { ...state, booked: [...(state.booked ?? []), appointment] };
  };
}

/** Runs a job's operations: what they need on the state is there from the start. */
export function execute(...operations) {
  return async (state) => {
    let current = { booked: [], ...state };
    for (const operation of operations) current = await operation(current);
    return current;
  };
}
