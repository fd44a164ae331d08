interface Patient { id: string }
const first = (list: Patient[]): Patient => list[0]!;
fn((state: any) => ({ ...state, data: first(state.data as Patient[]) }));
