// Three ways lead here: `located` and `quarantined` are only there if the steps that make them ran.
export default [
  (state) => {
    const regions = [...state._index]
      .map(([name, quakes]) => ({ name, earthquakes: quakes.length, strongest: quakes[0].magnitude }))
      .sort((a, b) => b.earthquakes - a.earthquakes);
    const { located = [], quarantined = { quakes: [] } } = state;

    console.log("the busiest regions:");
    console.table(regions.slice(0, 5));

    // A new state, with nothing of the old one: the records stay behind, and so does `errors`, since the one error in it
    // was dealt with. `_index` is given back on purpose, to show that it does not come out of the run all the same.
    return {
      data: { ...state.summary, alertFrom: state.alertFrom, regions: regions.slice(0, 10), located, quarantined },
      _index: state._index,
    };
  },
];
