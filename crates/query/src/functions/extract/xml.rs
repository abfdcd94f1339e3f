//! `parse xml`: values at paths such as `/a/b[2]/@id` or `/a/b/text()`.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{Extract, Part};

/// Elements inside each other that are followed.
const DEPTH_MAX: usize = 200;

/// One step down: the element's name (`*`: any) and which of its brothers of that name, from 1.
#[derive(Debug)]
struct Step {
    name: String,
    place: Option<usize>,
}

#[derive(Debug)]
struct Path {
    /// Whether it may begin at any depth (`//a`).
    is_anywhere: bool,
    steps: Vec<Step>,
    /// The attribute that is wanted, instead of the text inside.
    attribute: Option<String>,
}

/// The paths of one stage.
#[derive(Debug)]
pub(crate) struct Xml {
    paths: Vec<Path>,
}

impl Xml {
    pub(crate) fn new(paths: &[String]) -> Option<Self> {
        let paths = paths.iter().map(|path| parse(path));
        Some(Xml {
            paths: paths.collect::<Option<_>>()?,
        })
    }
}

fn parse(text: &str) -> Option<Path> {
    let text = text.trim();
    let is_anywhere = text.starts_with("//");
    let text = text.trim_start_matches('/').trim_end_matches("/text()");
    let mut steps = Vec::new();
    let mut attribute = None;
    for part in text.split('/') {
        if attribute.is_some() || part.is_empty() {
            return None;
        }
        if let Some(name) = part.strip_prefix('@') {
            attribute = Some(name.to_owned());
            continue;
        }
        let (name, place) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
            Some((name, place)) => (name, Some(place.trim().parse().ok()?)),
            None => (part, None),
        };
        steps.push(Step {
            name: name.to_owned(),
            place,
        });
    }
    (!steps.is_empty()).then_some(Path {
        is_anywhere,
        steps,
        attribute,
    })
}

/// An element that is open: its name, which of its brothers it is, the text inside so far.
struct Open {
    name: String,
    place: usize,
    text: String,
    counts: Vec<(String, usize)>,
}

impl Extract for Xml {
    fn parts(&self) -> usize {
        self.paths.len()
    }

    fn extract<'a>(&mut self, text: &'a str, parts: &mut [Part<'a>]) -> bool {
        let Some(start) = text.find('<') else {
            return false;
        };
        let mut reader = Reader::from_str(text.get(start..).unwrap_or_default());
        let mut open: Vec<Open> = Vec::new();
        let mut roots = Vec::new();
        // What cannot be read ends the search; what was found before counts.
        while let Ok(event) = reader.read_event() {
            match event {
                Event::Start(element) => {
                    self.enter(&element, &mut open, &mut roots, parts);
                    if open.len() > DEPTH_MAX {
                        break;
                    }
                }
                Event::Empty(element) => {
                    self.enter(&element, &mut open, &mut roots, parts);
                    self.leave(&mut open, parts);
                }
                Event::End(_) => self.leave(&mut open, parts),
                Event::Text(inside) => {
                    if let (Some(last), Ok(inside)) = (open.last_mut(), inside.decode()) {
                        last.text.push_str(&inside);
                    }
                }
                Event::CData(inside) => {
                    if let (Some(last), Ok(inside)) = (open.last_mut(), inside.decode()) {
                        last.text.push_str(&inside);
                    }
                }
                Event::GeneralRef(name) => {
                    if let (Some(last), Ok(name)) = (open.last_mut(), name.decode()) {
                        last.text.push_str(&entity(&name));
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        !parts.contains(&Part::Nothing)
    }
}

/// `amp` is `&`; what is unknown stays as it is written.
fn entity(name: &str) -> String {
    let written = format!("&{name};");
    quick_xml::escape::unescape(&written).map_or_else(|_| written.clone(), |text| text.into_owned())
}

impl Xml {
    fn enter(
        &self,
        element: &BytesStart<'_>,
        open: &mut Vec<Open>,
        roots: &mut Vec<(String, usize)>,
        parts: &mut [Part<'_>],
    ) {
        let name = String::from_utf8_lossy(element.name().as_ref()).into_owned();
        let counts = open.last_mut().map_or(roots, |parent| &mut parent.counts);
        let place = match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                counts.push((name.clone(), 1));
                1
            }
        };
        open.push(Open {
            name,
            place,
            text: String::new(),
            counts: Vec::new(),
        });
        for (path, part) in self.paths.iter().zip(parts.iter_mut()) {
            let Some(wanted) = &path.attribute else {
                continue;
            };
            if *part == Part::Nothing && is_at(path, open) {
                let found = element
                    .attributes()
                    .flatten()
                    .find(|attribute| attribute.key.as_ref() == wanted.as_bytes());
                if let Some(attribute) = found {
                    let raw = String::from_utf8_lossy(&attribute.value).into_owned();
                    let value = quick_xml::escape::unescape(&raw)
                        .map_or_else(|_| raw.clone(), |text| text.into_owned());
                    *part = Part::Owned(value);
                }
            }
        }
    }

    fn leave(&self, open: &mut Vec<Open>, parts: &mut [Part<'_>]) {
        for (path, part) in self.paths.iter().zip(parts.iter_mut()) {
            if path.attribute.is_none() && *part == Part::Nothing && is_at(path, open) {
                let text = open.last().map(|last| last.text.trim().to_owned());
                *part = text.map_or(Part::Nothing, Part::Owned);
            }
        }
        if let Some(closed) = open.pop()
            && let Some(parent) = open.last_mut()
        {
            parent.text.push_str(&closed.text);
        }
    }
}

fn is_at(path: &Path, open: &[Open]) -> bool {
    let skipped = match open.len().checked_sub(path.steps.len()) {
        Some(0) => 0,
        Some(skipped) if path.is_anywhere => skipped,
        _ => return false,
    };
    open.iter()
        .skip(skipped)
        .zip(&path.steps)
        .all(|(element, step)| {
            (step.name == "*" || step.name == element.name)
                && step.place.is_none_or(|place| place == element.place)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_texts_and_attributes() {
        let text = r#"log: <a><b id="1&amp;2">x &lt; y</b><b id="2"><c>z</c></b></a>"#;
        let paths = ["/a/b/@id", "/a/b", "/a/b[2]/c/text()", "//c", "/a/d"].map(str::to_owned);
        let mut xml = Xml::new(&paths).unwrap();
        let mut parts = vec![Part::Nothing; 5];
        assert!(!xml.extract(text, &mut parts));
        let owned = |text: &str| Part::Owned(text.to_owned());
        let expected = [
            owned("1&2"),
            owned("x < y"),
            owned("z"),
            owned("z"),
            Part::Nothing,
        ];
        assert_eq!(parts, expected);
    }
}
