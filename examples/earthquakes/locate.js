// Finds the town that each strong earthquake was near, and fails when there are some without.

// For whoever handles it, `state.errors.locate` has its name as `subtype`, and what it carries as `details`.
class PlaceError extends Error {
  get name() {
    return "PlaceError";
  }

  constructor(message, ids) {
    super(message);
    this.ids = ids;
  }
}

// "22km NNE of Hualian, Taiwan"
const NEAR = /^(?<km>\d+)km (?<direction>[NESW]{1,3}) of (?<town>.+)$/;

export default [
  (state) => {
    // On the state before there is anything that can go wrong: a failed step hands on the state that it was given, with
    // what it had assigned to it. What an operation would have returned is not there, for it never did.
    state.located = [];
    const unknown = [];
    for (const quake of state.strong) {
      const found = NEAR.exec(quake.place);
      if (found) {
        const { km, direction, town } = found.groups;
        state.located.push({ ...quake, near: { town, km: Number(km), direction } });
      } else {
        unknown.push(quake);
      }
    }
    console.log(`${state.located.length} of ${state.strong.length} are near a town`);

    // All of them in one error, not the first only: the one who handles it can then do so in one go.
    if (unknown.length > 0) {
      throw new PlaceError(
        `no town in "${unknown[0].place}" and ${unknown.length - 1} more places`,
        unknown.map(({ id }) => id),
      );
    }
    return state;
  },
];
