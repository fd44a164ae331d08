//! The bundle's entries: patients one after another, each with encounters, their conditions and observations.
//!
//! A resource is a template of JSON in which `<field>` marks what is drawn. The names hold letters beyond ASCII and the
//! notes hold escapes, as real records do: a reader that is only fast on plain text should not look fast here.

use super::random::Random;
use std::io::{self, Write};

const PATIENT: &str = r#"{"fullUrl":"urn:uuid:<patient>","resource":{"resourceType":"Patient","id":"<patient>","meta":{"versionId":"1","lastUpdated":"<time>"},"identifier":[{"use":"official","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR","display":"Medical record number"}]},"system":"urn:oid:1.2.36.146.595.217.0.1","value":"<number>"}],"active":true,"name":[{"use":"official","family":"<family>","given":["<given>","<given>"]}],"telecom":[{"system":"phone","value":"+<number>","use":"mobile"},{"system":"email","value":"p<number>@example.org"}],"gender":"<gender>","birthDate":"<birth>","deceasedBoolean":false,"address":[{"use":"home","line":["<small> <street>"],"city":"<city>","postalCode":"<postcode>","country":"<country>"}],"maritalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-MaritalStatus","code":"<marital>"}]},"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"<language>"}]},"preferred":true}]}}"#;

const ENCOUNTER: &str = r#"{"fullUrl":"urn:uuid:<encounter>","resource":{"resourceType":"Encounter","id":"<encounter>","meta":{"versionId":"1","lastUpdated":"<time>"},"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"<class>"},"type":[{"coding":[{"system":"http://snomed.info/sct","code":"185345009","display":"Encounter for symptom"}],"text":"Encounter for symptom"}],"subject":{"reference":"urn:uuid:<patient>"},"participant":[{"individual":{"display":"Dr <family>"}}],"period":{<period>},"reasonCode":[{"text":"<note>"}],"serviceProvider":{"display":"<city> District Hospital"}}}"#;

const CONDITION: &str = r#"{"fullUrl":"urn:uuid:<id>","resource":{"resourceType":"Condition","id":"<id>","meta":{"versionId":"2","lastUpdated":"<time>"},"clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"<status>"}]},"verificationStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}]},"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis"}]}],"code":{"coding":[{"system":"http://snomed.info/sct",<disorder>}]},"subject":{"reference":"urn:uuid:<patient>"},"encounter":{"reference":"urn:uuid:<encounter>"},"onsetDateTime":"<time>","recordedDate":"<time>","note":[{"text":"<note>"}]}}"#;

const OBSERVATION: &str = r#"{"fullUrl":"urn:uuid:<id>","resource":{"resourceType":"Observation","id":"<id>","meta":{"versionId":"1","lastUpdated":"<time>"},"status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"Vital Signs"}]}],"code":{"coding":[{"system":"http://loinc.org",<measure>,"system":"http://unitsofmeasure.org"},"interpretation":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation","code":"<flag>"}]}]}}"#;

/// The last entry: fields of one length only, and a note that takes up the room that is left.
const LAST: [&str; 2] = [
    r#"{"fullUrl":"urn:uuid:<id>","resource":{"resourceType":"Patient","id":"<id>","active":false,"text":{"status":"generated","div":"<div>"#,
    r#"</div>"}}}"#,
];

const FAMILY: [&str; 16] = [
    "Okafor",
    "Müller",
    "Nguyễn",
    "García",
    "Haddad",
    "Kowalczyk",
    "Mensah",
    "Traoré",
    "Sørensen",
    "Iyer",
    "Tanaka",
    "O'Brien",
    "Yılmaz",
    "Ferreira",
    "Kamau",
    "Novák",
];
const GIVEN: [&str; 16] = [
    "Amina", "Zoë", "Kwame", "José", "Leila", "Björn", "Thảo", "Fatou", "Ivan", "Priya", "Hana", "Samuel", "Chloé",
    "Wanjiru", "Ömer", "Grace",
];
const CITY: [&str; 8] = ["Nairobi", "Kisumu", "São Paulo", "Łódź", "Dakar", "Huế", "Freetown", "Asunción"];
const STREET: [&str; 6] = ["Harambee Avenue", "Rua da Consolação", "Main Road", "Nguyễn Huệ", "Rue 10", "Mill Lane"];
const COUNTRY: [&str; 8] = ["KE", "BR", "PL", "SN", "VN", "SL", "PY", "GH"];
const LANGUAGE: [&str; 6] = ["en", "sw", "pt-BR", "fr", "vi", "pl"];
const NOTE: [&str; 8] = [
    "Follow-up in two weeks.",
    "Patient says: \\\"the pain comes at night\\\".",
    "Fever for 3 days\\nNo travel\\nMalaria test negative",
    "Referred to the district hospital; transport arranged.",
    "Medication as before.",
    "Temperature 38\\u00b0C on arrival, 37\\u00b0C after an hour.",
    "See letter C:\\\\scans\\\\2023.",
    "None.",
];
const DISORDER: [&str; 6] = [
    r#""code":"61462000","display":"Malaria""#,
    r#""code":"38341003","display":"Hypertensive disorder""#,
    r#""code":"44054006","display":"Diabetes mellitus type 2""#,
    r#""code":"195967001","display":"Asthma""#,
    r#""code":"271737000","display":"Anaemia""#,
    r#""code":"56717001","display":"Tuberculosis""#,
];

/// A measurement: LOINC code, name, unit, lowest and highest value, decimals.
type Measure = (&'static str, &'static str, &'static str, u64, u64, u32);
const MEASURE: [Measure; 7] = [
    ("8310-5", "Body temperature", "Cel", 355, 405, 1),
    ("8867-4", "Heart rate", "/min", 45, 160, 0),
    ("9279-1", "Respiratory rate", "/min", 10, 40, 0),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 85, 200, 0),
    ("29463-7", "Body weight", "kg", 250, 12000, 2),
    ("8302-2", "Body height", "cm", 450, 2050, 1),
    ("2708-6", "Oxygen saturation in arterial blood", "%", 80, 100, 0),
];

const FILLER: &[u8] = b"This record closes the bundle and takes up what is left of its size. ";

/// Draws entries, one patient's after another's.
pub(crate) struct Entries {
    random: Random,
    patient: Id,
    encounter: Id,
    encounters_left: u64,
    conditions_left: u64,
    observations_left: u64,
}

impl Entries {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            patient: Id::default(),
            encounter: Id::default(),
            encounters_left: 0,
            conditions_left: 0,
            observations_left: 0,
        }
    }

    /// Puts the next entry into `out`, in place of what it held.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) {
        out.clear();
        if self.observations_left > 0 {
            self.observations_left -= 1;
            self.fill(OBSERVATION, out);
        } else if self.conditions_left > 0 {
            self.conditions_left -= 1;
            self.fill(CONDITION, out);
        } else if self.encounters_left > 0 {
            self.encounters_left -= 1;
            self.conditions_left = self.random.below(3);
            self.observations_left = self.random.within(3, 12);
            self.encounter = Id::draw(&mut self.random);
            self.fill(ENCOUNTER, out);
        } else {
            self.encounters_left = self.random.within(1, 5);
            self.patient = Id::draw(&mut self.random);
            self.fill(PATIENT, out);
        }
    }

    /// Writes the last entry: [`last_length`] and `room` bytes.
    pub(crate) fn last(&mut self, room: u64, out: &mut impl Write) -> io::Result<()> {
        let id = Id::draw(&mut self.random).to_string();
        out.write_all(LAST[0].replace("<id>", &id).as_bytes())?;
        let mut left = room;
        while left > 0 {
            let part = &FILLER[..FILLER.len().min(left as usize)];
            out.write_all(part)?;
            left -= part.len() as u64;
        }
        out.write_all(LAST[1].as_bytes())
    }

    fn fill(&mut self, template: &str, out: &mut Vec<u8>) {
        let id = Id::draw(&mut self.random);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('<') {
            let (field, after) = after.split_once('>').expect("templates close what they open");
            out.extend_from_slice(before.as_bytes());
            self.draw(field, &id, out);
            rest = after;
        }
        out.extend_from_slice(rest.as_bytes());
    }

    fn draw(&mut self, field: &str, id: &Id, out: &mut Vec<u8>) {
        let random = &mut self.random;
        let done = match field {
            "id" => write!(out, "{id}"),
            "patient" => write!(out, "{}", self.patient),
            "encounter" => write!(out, "{}", self.encounter),
            "time" => write!(
                out,
                "20{}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                random.within(10, 23),
                random.within(1, 12),
                random.within(1, 28),
                random.below(24),
                random.below(60),
                random.below(60)
            ),
            "period" => {
                let day =
                    format!("20{}-{:02}-{:02}", random.within(10, 23), random.within(1, 12), random.within(1, 28));
                let (hour, minutes) = (random.within(7, 20), random.within(5, 59));
                write!(out, r#""start":"{day}T{hour:02}:00:00Z","end":"{day}T{hour:02}:{minutes:02}:00Z""#)
            }
            "birth" => {
                write!(out, "{}-{:02}-{:02}", random.within(1930, 2020), random.within(1, 12), random.within(1, 28))
            }
            "number" => write!(out, "{:08}", random.below(100_000_000)),
            "small" => write!(out, "{}", random.within(1, 250)),
            "postcode" => write!(out, "{:05}", random.below(100_000)),
            "family" => out.write_all(random.pick(&FAMILY).as_bytes()),
            "given" => out.write_all(random.pick(&GIVEN).as_bytes()),
            "city" => out.write_all(random.pick(&CITY).as_bytes()),
            "street" => out.write_all(random.pick(&STREET).as_bytes()),
            "country" => out.write_all(random.pick(&COUNTRY).as_bytes()),
            "language" => out.write_all(random.pick(&LANGUAGE).as_bytes()),
            "note" => out.write_all(random.pick(&NOTE).as_bytes()),
            "disorder" => out.write_all(random.pick(&DISORDER).as_bytes()),
            "gender" => out.write_all(random.pick(&["female", "male", "other"]).as_bytes()),
            "marital" => out.write_all(random.pick(&["M", "S", "D", "W"]).as_bytes()),
            "class" => out.write_all(random.pick(&["AMB", "EMER", "IMP", "HH"]).as_bytes()),
            "status" => out.write_all(random.pick(&["active", "resolved", "remission"]).as_bytes()),
            "flag" => out.write_all(random.pick(&["N", "H", "L"]).as_bytes()),
            "measure" => self.measure(out),
            other => unreachable!("no template has a field {other}"),
        };
        done.expect("writing to memory");
    }

    /// The middle of an observation: what was measured, on whom, when, and the value.
    fn measure(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let &(code, name, unit, low, high, decimals) = self.random.pick(&MEASURE);
        let value = self.random.within(low, high);
        write!(out, r#""code":"{code}","display":"{name}"}}],"text":"{name}"}},"#)?;
        write!(out, r#""subject":{{"reference":"urn:uuid:{}"}},"#, self.patient)?;
        write!(out, r#""encounter":{{"reference":"urn:uuid:{}"}},"effectiveDateTime":""#, self.encounter)?;
        self.draw("time", &Id::default(), out);
        let scale = 10_u64.pow(decimals);
        write!(out, r#"","valueQuantity":{{"value":{}"#, value / scale)?;
        if decimals > 0 {
            write!(out, ".{:0width$}", value % scale, width = decimals as usize)?;
        }
        write!(out, r#","unit":"{unit}","code":"{unit}""#)
    }
}

/// A version 4 UUID.
#[derive(Debug, Clone, Copy, Default)]
struct Id(u64, u64);

impl Id {
    fn draw(random: &mut Random) -> Self {
        let (high, low) = (random.next(), random.next());
        Self(high & !0xf000 | 0x4000, low & (u64::MAX >> 2) | 1 << 63)
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let digits = u128::from(self.0) << 64 | u128::from(self.1);
        let (mut text, mut nibble) = ([b'-'; 36], 32);
        for (at, byte) in text.iter_mut().enumerate() {
            if !matches!(at, 8 | 13 | 18 | 23) {
                nibble -= 1;
                *byte = HEX[(digits >> (nibble * 4)) as usize & 15];
            }
        }
        f.write_str(std::str::from_utf8(&text).expect("hexadecimal digits"))
    }
}

/// The id of the bundle itself.
pub(crate) fn bundle_id(seed: u64) -> String {
    Id::draw(&mut Random::new(!seed)).to_string()
}

/// The length of the last entry with an empty note.
pub(crate) fn last_length() -> u64 {
    let ids = LAST[0].matches("<id>").count() * (36 - "<id>".len());
    (LAST[0].len() + ids + LAST[1].len()) as u64
}
