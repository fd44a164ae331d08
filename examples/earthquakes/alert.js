// Picks the strong earthquakes, and says how busy the region of each is. It reads `_index` and never `data`: the records
// pass through this step as the bytes that they are, unparsed.
export default [
  (state) => {
    state.strong = [...state._index.values()]
      .flatMap((quakes) => quakes.filter(({ magnitude }) => magnitude >= state.alertFrom))
      .map((quake) => ({ ...quake, othersInRegion: state._index.get(quake.region).length - 1 }))
      .sort((a, b) => b.magnitude - a.magnitude);
    console.warn(`${state.strong.length} earthquakes of magnitude ${state.alertFrom} or more`);
    return state;
  },
];
